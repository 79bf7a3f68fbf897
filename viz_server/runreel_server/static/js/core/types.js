// The shapes that the modules pass to each other, for the type checker alone: nothing is imported from here at run time.

/**
 * @typedef {object} Attempt
 * @property {string} execution
 * @property {string} state
 * @property {string | null} started
 * @property {string | null} finished
 */
/**
 * @typedef {object} Step
 * @property {string} state
 * @property {string[]} [parents]
 * @property {Attempt[]} [attempts]
 * @property {string | null} [started]
 * @property {string | null} [finished]
 * @property {string | null} [eta]
 * @property {number | null} [expected]
 * @property {number | null} [total]
 * @property {{done: number, total?: number | null, unit?: string | null, message?: string | null} | null} [progress]
 * @property {{type?: string, message?: string, traceback?: string} | null} [error]
 * @property {string | null} [heartbeat]
 * @property {{total: number, levels?: Record<string, number>} | null} [lines]
 * @property {Input[]} [inputs]
 * @property {Record<string, unknown>} [params]
 * @property {Record<string, unknown>} [tags]
 * @property {boolean} [learnt] from an earlier run: expected, not declared
 */
/** @typedef {{count: number, last: number | string | null, min?: number | string | null, max?: number | string | null}} Series */
/**
 * @typedef {object} Artifact
 * @property {string} id
 * @property {string} [name]
 * @property {string} [type]
 * @property {string | null} [step]
 * @property {string} [role]
 * @property {number | null} [size]
 * @property {number | null} [declared] the size that was said beforehand
 * @property {number | null} [sent] bytes that have come, while it is on its way
 * @property {number | null} [version]
 * @property {string} [state]
 * @property {string | null} [created]
 * @property {string | null} [sha256]
 * @property {string | null} [reason] why its bytes are not there, or not all of them
 */
/** @typedef {{artifact: string | null, name?: string, step?: string | null, uri?: string | null, state: string}} Input */
/**
 * @typedef {object} State
 * @property {string} id
 * @property {string} state
 * @property {string} [pipeline]
 * @property {string} [workspace]
 * @property {string} [experiment]
 * @property {{run?: string} | null} [origin]
 * @property {string | null} [started]
 * @property {string | null} [finished]
 * @property {string | null} [eta]
 * @property {number | null} [median]
 * @property {boolean} [planned] whether steps were declared, or are expected by an earlier run
 * @property {Record<string, unknown>} [params]
 * @property {Record<string, unknown>} [tags]
 * @property {Record<string, unknown>} [environment]
 * @property {{type?: string, message?: string} | null} [error]
 * @property {Record<string, Step>} [steps]
 * @property {Record<string, Record<string, Series>>} [series]
 * @property {Record<string, Artifact>} [artifacts]
 * @property {Record<string, {host?: string, step?: string | null, offset?: number, said?: number, heartbeat?: string | null, closed?: string | null}>} [sessions]
 * @property {number} [events]
 * @property {boolean} [complete]
 * @property {{session: string, from: number, to: number}[]} [missing]
 * @property {Record<string, number>} [losses]
 * @property {Input[]} [inputs]
 * @property {string} [owner]
 * @property {{total: number, levels?: Record<string, number>} | null} [lines]
 */
/**
 * A step in a few words.
 * @typedef {object} Reading
 * @property {string} state
 * @property {number | null} share
 * @property {string} read
 * @property {string} left
 * @property {string} note
 * @property {number} failed
 * @property {number} stalled
 * @property {number} tasks
 */
/** @typedef {{at: (number | string | null)[], time: number[], value: (number | string | null)[]}} Columns */
/**
 * A line of the log. `length`: how many characters it has, where it was cut; `more`: it goes on in the next event.
 * @typedef {{time: number, step?: string | null, level?: string, text: string, stream?: string, session?: string | null, seq?: number | null, row?: number, cursor?: string, key?: string, length?: number, more?: boolean}} Line
 */
/**
 * @typedef {object} Frame
 * @property {string} [watch]
 * @property {string} position
 * @property {string} [from]
 * @property {any} [state]
 * @property {any} [patch]
 * @property {Record<string, Columns>} [points]
 * @property {{count: number, last: Line[]}} [lines]
 * @property {string} [now]
 * @property {number} [retry_ms]
 * @property {string} [reason]
 */
/** @typedef {{path: string, state: string, count: number, paths?: string[]}} Cell */
/**
 * @typedef {object} GraphNode
 * @property {string} id
 * @property {string} path
 * @property {string} label
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 * @property {Cell[]} [members]
 * @property {number | null} [folded]
 */
/** @typedef {{from: string, to: string, points: [number, number][], back?: boolean, contains?: boolean}} GraphEdge */
/** @typedef {{width: number, height: number, nodes: GraphNode[], edges: GraphEdge[]}} Graph */
export {};
