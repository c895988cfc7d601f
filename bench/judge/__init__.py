# SPDX-License-Identifier: GPL-3.0-or-later
"""
The judge of the include scanner: what scan-tool says that a compile reads, against the dependency
file of that compile itself. Used by bench/oracle and by tests/oracle.
"""
