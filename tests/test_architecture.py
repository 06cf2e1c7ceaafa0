"""Who may import whom, and what users may import."""

import ast
import re
import subprocess
import sys
from pathlib import Path
