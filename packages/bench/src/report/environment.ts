/**
 * Owns finding out on what machine and runtime a report is made.
 * Must not know: the run.
 * Invariant: what the system does not tell is null, never guessed. Nothing is started for it.
 */
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'

import { readSysctl } from '../observe/sysctl.ts'
import { descriptorLimit } from '../run/system-limits.ts'
import type { RunEnvironment } from './schema/environment.ts'

/** What bounds connections and their memory, and what shapes latency. */
const SYSCTLS = [
  'fs.file-max',
  'fs.nr_open',
  'net.core.netdev_max_backlog',
  'net.core.somaxconn',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_max_syn_backlog',
  'net.ipv4.tcp_mem',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_tw_reuse',
  'net.ipv4.tcp_wmem',
  'net.netfilter.nf_conntrack_max',
] as const

export function describeEnvironment(): RunEnvironment {
  const cpus = os.cpus()
  return {
    cpuModel: cpus[0]?.model ?? null,
    cores: cpus.length,
    governor: readLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    clockSource: readLine('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    platform: `${process.platform} ${process.arch}`,
    kernel: os.release(),
    nodeVersion: process.version,
    v8Version: process.versions.v8,
    nodeFlags: process.execArgv,
    memoryBytes: os.totalmem(),
    cgroup: { cpuMax: cgroupLimit('cpu.max'), memoryMax: cgroupLimit('memory.max') },
    descriptorsMax: descriptorLimit() ?? null,
    sysctls: Object.fromEntries(SYSCTLS.flatMap((name) => sysctlEntry(name))),
    loadAverage: os.loadavg(),
    commit: commitOf(process.cwd()),
  }
}

function sysctlEntry(name: string): [string, string][] {
  const value = readSysctl(name)
  return value === undefined ? [] : [[name, value]]
}

/** Of this process's own group, in version 2 of cgroups; `max` is no limit. */
function cgroupLimit(file: string): string | null {
  const group = readLine('/proc/self/cgroup')?.split('::')[1]
  const value = group === undefined ? null : readLine(path.join('/sys/fs/cgroup', group, file))
  return value === null || value.startsWith('max') ? null : value
}

/** What HEAD points to, by looking. */
function commitOf(directory: string): string | null {
  const parent = path.dirname(directory)
  const git = path.join(directory, '.git')
  const pointer = readLine(path.join(git, 'HEAD'))
  if (pointer !== null) return resolved(git, git, pointer)
  // The .git of a work tree is a file that says where its own directory is.
  const elsewhere = readLine(git)?.replace(/^gitdir: /, '')
  const head = elsewhere === undefined ? null : readLine(path.join(elsewhere, 'HEAD'))
  if (elsewhere !== undefined && head !== null) {
    return resolved(elsewhere, path.join(elsewhere, readLine(path.join(elsewhere, 'commondir')) ?? '.'), head)
  }
  return parent === directory ? null : commitOf(parent)
}

function resolved(git: string, common: string, pointer: string): string | null {
  const name = pointer.replace(/^ref: /, '')
  if (name === pointer) return pointer
  const loose = readLine(path.join(git, name)) ?? readLine(path.join(common, name))
  return loose ?? packedRef(common, name)
}

function packedRef(common: string, name: string): string | null {
  const rows = readText(path.join(common, 'packed-refs'))?.split('\n') ?? []
  return rows.find((row) => row.endsWith(` ${name}`))?.split(' ')[0] ?? null
}

function readLine(file: string): string | null {
  return readText(file)?.split('\n')[0]?.trim() ?? null
}

/** Null for a file that is not there, or not for us. */
function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}
