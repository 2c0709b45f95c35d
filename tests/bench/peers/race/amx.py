# SPDX-License-Identifier: Apache-2.0
"""Runs the race as a CPU without AMX would: the system refuses it to this process and its children.

A program must ask Linux for AMX's registers (arch_prctl, ARCH_REQ_XCOMP_PERM) and does without them
if they are refused. All peers ask, so that a filter of system calls puts all of them on AVX-512.
"""

import ctypes
import struct

from race.process import Failed

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_SYS_ARCH_PRCTL = 158  # x86-64
_ARCH_REQ_XCOMP_PERM = 0x1023
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050001  # with EPERM

_LOAD = 0x20  # a 32-bit word of the call's description
_IF_EQUAL = 0x15
_RETURN = 0x06
_NUMBER_AT = 0
_FIRST_ARGUMENT_AT = 16


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def refuse_amx() -> None:
    """For this process and all that it starts; there is no way back."""
    program = (
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_EQUAL, 0, 3, _SYS_ARCH_PRCTL),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_IF_EQUAL, 0, 1, _ARCH_REQ_XCOMP_PERM),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = _Program(len(program), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        or libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0) != 0
    ):
        raise Failed(f"AMX cannot be refused: errno {ctypes.get_errno()}")
