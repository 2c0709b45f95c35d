# SPDX-License-Identifier: Apache-2.0
"""The race of Cascade against other engines. README.md of the folder above says how to read it."""
