# SPDX-License-Identifier: Apache-2.0
"""Two servers under the same load. README.md of the folder above says how to read it.

What it shares with the race of engines (models, GGUF files, llama.cpp's build, the machine's
description) is imported from `race`, in tests/bench/peers.
"""
