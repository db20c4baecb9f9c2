/**
 * Owns asking V8 for profiles of this process.
 * Must not know: who wants them, how they travel.
 * Invariant: nothing of the inspector is loaded, and no session is open, unless a profile is being taken. There is no
 * port: nobody can attach to it.
 */
import type { Session } from 'node:inspector/promises'
import type { ProfileKind } from './profile-order.ts'

/** A profile that is being taken. */
export interface ProfileSession {
  /** Ends it. @returns what V8 says, as DevTools read it */
  stop(): Promise<object>
  /** Ends it, for nobody. */
  close(): void
}

export type OpenProfileSession = (kind: ProfileKind) => Promise<ProfileSession>

/** Between two looks at the stack. */
const CPU_INTERVAL_US = 1000
/** Between two allocations that are looked at, on average. */
const HEAP_INTERVAL_BYTES = 32_768

/** Begins a profile of this process. */
export async function openProfileSession(kind: ProfileKind): Promise<ProfileSession> {
  const inspector = await import('node:inspector/promises')
  const session = new inspector.Session()
  session.connect()
  try {
    await BEGIN[kind](session)
  } catch (error) {
    session.disconnect()
    throw error
  }
  return {
    stop: async () => {
      try {
        return await END[kind](session)
      } finally {
        session.disconnect()
      }
    },
    close: () => session.disconnect(),
  }
}

const BEGIN: Readonly<Record<ProfileKind, (session: Session) => Promise<void>>> = {
  cpu: async (session) => {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US })
    await session.post('Profiler.start')
  },
  heap: async (session) => {
    await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES })
  },
}

const END: Readonly<Record<ProfileKind, (session: Session) => Promise<object>>> = {
  cpu: async (session) => (await session.post('Profiler.stop')).profile,
  heap: async (session) => (await session.post('HeapProfiler.stopSampling')).profile,
}
