"""`python -m runreel`: the command line."""

from runreel.cli import main

if __name__ == "__main__":
    main()
