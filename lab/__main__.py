"""``python -m lab`` is ``muxlab``."""

from lab.cli import main

if __name__ == "__main__":
    main()
