"""`python -m camfan_nodes` is `camfan`."""

import sys

from camfan_nodes.cli import main

sys.exit(main())
