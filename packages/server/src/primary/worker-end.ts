/**
 * Owns what the end of a worker that nobody asked for means, in words for the operator.
 * Must not know: slots.
 */
import { constants } from 'node:os'

const SIGNAL_BASE = 128

/** What happened, and what is to be done about it. */
export function explainEnd(code: number | null, signal: string | null): string {
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

/** A shell, and V8 in containers, say a signal as a code. */
function signalOf(code: number | null): string | undefined {
  const number = (code ?? 0) - SIGNAL_BASE
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0]
}
