"""Tabs as people have them: one in front, the others hidden or frozen. Playwright keeps all its pages visible."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser

from chromium import Watch
from support import wait_for

_LOUD = {"error", "warning", "assert"}


class Between(Exception):
    """A tab is between two pages: there is nothing yet in which a script could run."""


class Tabs:
    """The tabs of one window, in a profile of their own, driven by the DevTools protocol.

    Args:
        browser: a Chromium.
        watch: is told what the tabs complain of.
    """

    def __init__(self, browser: Browser, watch: Watch) -> None:
        self._watch = watch
        self._session = browser.new_browser_cdp_session()
        self._session.on("Target.receivedMessageFromTarget", self._hear)
        self._context = self._session.send("Target.createBrowserContext")["browserContextId"]
        self._answers: dict[int, Any] = {}
        self._asked = 0

    def open(self, address: str) -> Tab:
        """A new tab, in front of the others."""
        wanted = {"url": address, "browserContextId": self._context}
        target = self._session.send("Target.createTarget", wanted)["targetId"]
        return Tab(self, target)

    def grant(self, *permissions: str) -> None:
        """Allow something to all pages."""
        self._session.send(
            "Browser.grantPermissions", {"permissions": list(permissions), "browserContextId": self._context}
        )

    def in_worker(self, script: str) -> Any:
        """Run a script in the shared worker."""
        return self.send(self.attach(self.worker()), "Runtime.evaluate", expression=script, returnByValue=True)

    def worker(self) -> str:
        """The target that the one shared worker is."""
        found = self._session.send("Target.getTargets")["targetInfos"]
        mine = [one for one in found if one["type"] == "shared_worker" and one.get("browserContextId") == self._context]
        (target,) = (one["targetId"] for one in mine)
        return str(target)

    def close(self) -> None:
        """Close them all."""
        self._session.send("Target.disposeBrowserContext", {"browserContextId": self._context})
        self._session.detach()

    def attach(self, target: str) -> str:
        """A session with a target."""
        found: str = self._session.send("Target.attachToTarget", {"targetId": target, "flatten": False})["sessionId"]
        return found

    def front(self, target: str) -> None:
        """Show a tab."""
        self._session.send("Target.activateTarget", {"targetId": target})

    def end(self, target: str) -> None:
        """Close a tab, or end a worker."""
        self._session.send("Target.closeTarget", {"targetId": target})

    def send(self, session: str, method: str, **parameters: Any) -> Any:
        """A command's result."""
        self._asked += 1
        number = self._asked
        message = json.dumps({"id": number, "method": method, "params": parameters})
        self._session.send("Target.sendMessageToTarget", {"sessionId": session, "message": message})
        wait_for(lambda: self._session.send("Browser.getVersion") and number in self._answers, what=method)
        answer = self._answers.pop(number)
        if "execution context" in answer.get("error", {}).get("message", "").lower():
            raise Between(answer["error"]["message"])
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _hear(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._answers[message["id"]] = message
        method, said = message.get("method"), message.get("params", {})
        if method == "Runtime.consoleAPICalled" and said["type"] in _LOUD:
            text = " ".join(str(one.get("value", one.get("description", ""))) for one in said["args"])
            self._watch.seen.append(f"console {said['type']}: {text}")
        elif method == "Runtime.exceptionThrown":
            self._watch.seen.append(f"exception: {said['exceptionDetails']}")
        elif method == "Log.entryAdded" and said["entry"]["level"] in _LOUD:
            self._watch.seen.append(f"console {said['entry']['level']}: {said['entry']['text']}")


class Tab:
    """One tab."""

    def __init__(self, tabs: Tabs, target: str) -> None:
        self._tabs, self._target = tabs, target
        self._session = tabs.attach(target)
        for domain in ("Runtime", "Log", "Page"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> Any:
        """A command's result."""
        return self._tabs.send(self._session, method, **parameters)

    def run(self, script: str) -> Any:
        """What a script answers, or what its promise does."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.send("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """The text of an element, empty where there is none."""
        found: str = self.run(f"document.querySelector({json.dumps(selector)})?.textContent.trim() ?? ''")
        return found

    def waits(self, script: str, good: Callable[[Any], bool] = bool, what: str = "") -> None:
        """Wait until a script's answer is good."""
        seen: list[Any] = []

        def looked() -> bool:
            try:
                seen[:] = [self.run(script)]
            except Between:
                return False
            return good(seen[0])

        try:
            wait_for(looked, 60, what=what or script)
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen}") from None

    def front(self) -> None:
        """Show it."""
        self._tabs.front(self._target)

    def freeze(self) -> None:
        """Have it run nothing, as the browser does with a tab that was hidden for long."""
        self.send("Page.setWebLifecycleState", state="frozen")

    def thaw(self) -> None:
        """Have it go on."""
        self.send("Page.setWebLifecycleState", state="active")

    def close(self) -> None:
        """Close it."""
        self._tabs.end(self._target)
