/**
 * Owns what the end of a worker that nobody asked for means, in words for the operator.
 * Must not know: slots.
 */
import { constants } from 'node:os'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'

const SIGNAL_BASE = 128

/** What happened, and what is to be done about it. */
export function explainEnd(code: number | null, signal: string | null): string {
  if (code !== null && code < 0) return explainNoStart(code)
  const name = signal ?? signalOf(code)
  if (name === 'SIGKILL') {
    return 'killed by SIGKILL: by somebody, or by the kernel for want of memory (see dmesg; lower SHARDWIRE_HEAP_MB)'
  }
  if (name === 'SIGABRT' || name === 'SIGTRAP') {
    return 'aborted: out of heap, if standard error says so (raise SHARDWIRE_HEAP_MB, look for what the service keeps)'
  }
  if (name === 'SIGSEGV' || name === 'SIGBUS' || name === 'SIGILL') {
    return `ended by ${name}: a fault of Node, or of native code that the service uses`
  }
  if (name !== undefined) return `ended by ${name}`
  if (code === 0) return 'exited with 0 unasked: the service must not end the process'
  return `exited with ${code ?? '?'}: standard error and the lines above say more`
}

/** What is to be done about the system's errors at the start of a process. */
const START_ADVICE: Readonly<Record<string, string>> = {
  EAGAIN: 'raise the limit of processes (ulimit -u, LimitNPROC, TasksMax, pids.max)',
  ENOMEM: 'the machine, or the limit of its group, is out of memory (lower SHARDWIRE_HEAP_MB or SHARDWIRE_WORKERS)',
  EMFILE: 'raise the limit of open files (LimitNOFILE)',
  ENFILE: 'the machine is out of open files (fs.file-max)',
  ENOENT: `${process.execPath} or the directory that the daemon was started in is gone: restart it`,
  EACCES: `${process.execPath} may not be run any more: restart the daemon`,
}

/** @param errno negative, as libuv has it */
function explainNoStart(errno: number): string {
  const name = getSystemErrorName(errno)
  const advice = START_ADVICE[name] ?? 'look at the limits of this process and its user'
  return `the system would not start it: ${name}, ${getSystemErrorMessage(errno)}; ${advice}`
}

/** A shell, and V8 in containers, say a signal as a code. */
function signalOf(code: number | null): string | undefined {
  const number = (code ?? 0) - SIGNAL_BASE
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0]
}
