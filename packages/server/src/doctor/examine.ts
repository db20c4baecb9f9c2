/**
 * Owns the list of checks: those before the start, and those of a daemon that runs.
 * Must not know: how findings are shown.
 */
import type { Clock } from '@shardwire/protocol'
import type { Environment } from '../config/read-options.ts'
import { checkAllFiles, checkFilesSettable, checkOpenFiles } from './checks/files.ts'
import { checkDaemon, type Live } from './checks/live-daemon.ts'
import { checkMachine } from './checks/live-machine.ts'
import {
  checkClock,
  checkCores,
  checkMemory,
  checkOvercommit,
  checkProcesses,
  checkSwap,
  checkUserProcesses,
} from './checks/machine.ts'
import {
  checkAcceptQueue,
  checkConntrack,
  checkOverflowReset,
  checkSynQueue,
  checkTcpMemory,
} from './checks/network.ts'
import { checkPortRange, checkPorts } from './checks/ports.ts'
import { checkCertificate, checkSecretFiles, checkService } from './checks/secrets.ts'
import type { Finding } from './finding.ts'
import type { Scene } from './scene.ts'

const OF_MACHINE: readonly ((scene: Scene) => Finding[])[] = [
  checkOpenFiles,
  checkAllFiles,
  checkFilesSettable,
  checkAcceptQueue,
  checkSynQueue,
  checkOverflowReset,
  checkPortRange,
  checkTcpMemory,
  checkConntrack,
  checkMemory,
  checkOvercommit,
  checkSwap,
  checkCores,
  checkProcesses,
  checkUserProcesses,
  checkClock,
  checkService,
]

/** What of this machine is too small, or wrong, for this configuration. */
export async function examineMachine(scene: Scene, env: Environment, clock: Clock): Promise<Finding[]> {
  return [
    ...OF_MACHINE.flatMap((check) => check(scene)),
    ...(await checkPorts(scene)),
    ...checkCertificate(scene, clock),
    ...checkSecretFiles(scene, env),
  ]
}

/** What holds a running daemon back. @param isHere whether it runs on this machine */
export function examineDaemon(live: Live, isHere: boolean): Finding[] {
  return [...checkDaemon(live), ...(isHere ? checkMachine(live) : [])]
}
