/**
 * Owns the browser's time: the only file of the page that touches it.
 * Must not know: who waits.
 */

/** Milliseconds since 1970, of this machine: only for how long something is ago here. */
export function nowMs(): number {
  return Date.now()
}

/** @returns cancels it */
export function after(ms: number, task: () => void): () => void {
  const timer = setTimeout(task, ms)
  return () => clearTimeout(timer)
}

/** Ends early, without an error, when the signal says so. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = after(ms, resolve)
    signal.addEventListener(
      'abort',
      () => {
        cancel()
        resolve()
      },
      { once: true },
    )
  })
}
