"""`python -m camfan_broker` is `broker`."""

import sys

from camfan_broker.cli import main

sys.exit(main())
