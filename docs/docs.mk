# SPDX-License-Identifier: Apache-2.0
.PHONY: docs
docs:
