/**
 * Owns the choice of what connections are made of.
 * Must not know: the two kinds beyond their constructors.
 * Invariant: the raw kind unless this Node lacks it, or SHARDWIRE_BENCH_TRANSPORT says `socket`.
 */
import process from 'node:process'

import { readSysctl } from '../observe/sysctl.ts'
import { freshSeed, Random } from '../random.ts'
import { LocalPorts } from './local-ports.ts'
import { loadRawBinding } from './raw-handle.ts'
import { RawDial } from './raw-wire.ts'
import { SocketDial } from './socket-wire.ts'
import type { Dial } from './wire.ts'

/** @param slab where all reads of the process land */
export function openDial(slab: Uint8Array): Dial {
  const binding = process.env['SHARDWIRE_BENCH_TRANSPORT'] === 'socket' ? undefined : loadRawBinding()
  const random = new Random(freshSeed())
  const ports = new LocalPorts(readSysctl('net.ipv4.ip_local_port_range'), () => random.next())
  return binding === undefined ? new SocketDial(slab, ports) : new RawDial(binding, slab, ports)
}
