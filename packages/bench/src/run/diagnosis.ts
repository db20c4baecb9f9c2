/**
 * Owns what the system's error codes mean for somebody who starts a run, and what to do about each.
 * Must not know: where the error was met.
 * Invariant: every sentence names the cause, a remedy, and the code.
 */
import { EnvironmentError } from '../exit-codes.ts'
import type { ConnectFailure } from '../messages.ts'
import { targetUrl } from '../options/target.ts'
import type { Target } from '../options/target.ts'
import { RUN_REMEDIES } from './remedies.ts'
import type { Remedies } from './remedies.ts'

type Remedy = (target: string, failure: ConnectFailure, remedies: Remedies) => string

const NO_ROUTE: Remedy = (target) => `There is no way to ${target}: check the address and the network.`
const NO_NAME: Remedy = (target) => `The host of ${target} has no address: check its spelling, or give an IP address.`
const NO_DESCRIPTORS: Remedy = (_target, { connected }, { moreProcesses, fewerConnections }) =>
  `No file descriptor is left after ${connected} connections of one process: raise the limit (ulimit -n), ` +
  `${moreProcesses === null ? 'or use' : `use ${moreProcesses} or`} ${fewerConnections}.`
const CUT_OFF: Remedy = (target, { connected, message }) =>
  `${target} ended a connection before the load began, after ${connected} connections of one process ` +
  `(${message}): look at its connection limits and its log.`

const REMEDIES: Readonly<Record<string, Remedy>> = {
  ECONNREFUSED: (target) => `Nobody listens on ${target}: start the server there, or name another one with --target.`,
  ENOTFOUND: NO_NAME,
  EAI_AGAIN: NO_NAME,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  EMFILE: NO_DESCRIPTORS,
  ENFILE: NO_DESCRIPTORS,
  EADDRNOTAVAIL: (target, { connected }, { fewerConnections }) =>
    `No local port to ${target} is left after ${connected} connections of one process: use ${fewerConnections}, ` +
    `widen net.ipv4.ip_local_port_range, or wait a minute for old connections to leave TIME_WAIT.`,
  ETIMEDOUT: (target) =>
    `${target} does not answer connects: check the address, a firewall, and that the server accepts.`,
  CONNECT_STALLED: (target, { connected, message }) =>
    `${target} stopped accepting after ${connected} connections of one process (${message}): ` +
    `raise its descriptor limit or its listen backlog.`,
  ECONNRESET: CUT_OFF,
  CLOSED_EARLY: CUT_OFF,
}

/** The error that ends the program when connections cannot be made. */
export function diagnose(target: Target, failure: ConnectFailure, remedies: Remedies = RUN_REMEDIES): EnvironmentError {
  const remedy = REMEDIES[failure.code]
  const url = targetUrl(target)
  const sentence =
    remedy?.(url, failure, remedies) ?? `Cannot connect to ${url}: ${failure.message}. Check address and server.`
  return new EnvironmentError(failure.code, `${sentence} (${failure.code})`)
}
