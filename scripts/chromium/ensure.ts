/**
 * Owns how a machine comes to a Chromium for the tests of pages.
 * Must not know: where one is looked for, how programs are run.
 * Invariant: nothing is installed where there is one already. The system's own package comes first, as root on Debian
 * and its like: it brings the libraries that a download would miss.
 */

export interface ChromiumParts {
  /** Where it is; undefined when there is none. */
  readonly find: () => string | undefined
  readonly isRoot: boolean
  /** Runs a program to its end. @returns whether it did well; false where it is not there */
  readonly run: (program: string, args: readonly string[]) => Promise<boolean>
  /** The program and the arguments that download one. */
  readonly download: readonly [program: string, ...args: string[]]
  readonly say: (text: string) => void
}

/** A browser without a window, first; then the whole one, which older releases have alone. */
const PACKAGES = ['chromium-headless-shell', 'chromium'] as const

/** @returns where it is; undefined where none could be had */
export async function ensureChromium({ find, isRoot, run, download, say }: ChromiumParts): Promise<string | undefined> {
  const there = find()
  if (there !== undefined) return there
  if (isRoot && (await run('apt-get', ['update', '-qq']))) {
    for (const name of PACKAGES) {
      say(`installing Debian's ${name}`)
      if (await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name])) return find()
    }
  }
  say('downloading a Chromium of playwright')
  const [program, ...args] = download
  await run(program, args)
  return find()
}
