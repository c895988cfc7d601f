# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests stand on: processes, programs, fake peers, trees of source."""
