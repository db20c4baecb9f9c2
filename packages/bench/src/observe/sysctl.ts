/**
 * Owns reading the kernel's settings.
 * Must not know: what they are for.
 * Invariant: what is not there reads as undefined.
 */
import { readProc } from './proc-files.ts'

/** The value of a setting, its blanks made single. */
export function readSysctl(name: string): string | undefined {
  return readProc(`/proc/sys/${name.replaceAll('.', '/')}`)
    ?.trim()
    .replaceAll(/\s+/g, ' ')
}
