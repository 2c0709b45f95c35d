# SPDX-License-Identifier: Apache-2.0
# Runs at install time, when the prefix is known: installs the systemd unit, which names files by their full
# paths, and the file of flags that the unit reads, unless there is one already.

set(bindir ${CMAKE_INSTALL_PREFIX}/bin)
set(datadir ${CMAKE_INSTALL_PREFIX}/share)
set(docdir ${CMAKE_INSTALL_PREFIX}/share/doc/cascade)
# Of a distribution's own packages only the settings lie outside the prefix.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(sysconfdir /etc)
else()
  set(sysconfdir ${CMAKE_INSTALL_PREFIX}/etc)
endif()

set(unit ${CASCADE_BINARY_DIR}/cascade-server.service)
configure_file(${CMAKE_CURRENT_LIST_DIR}/cascade-server.service.in ${unit} @ONLY)
file(INSTALL ${unit} DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
if(NOT EXISTS $ENV{DESTDIR}${sysconfdir}/cascade/cascade-server.flags)
  file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/cascade-server.flags DESTINATION ${sysconfdir}/cascade)
endif()
