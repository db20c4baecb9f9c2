/**
 * Owns a server's place in the file system: a Unix socket that is bound with its permissions, and one that was left
 * over.
 * Must not know: what is accepted there.
 * Invariant: nothing but a socket is ever removed, and only one that nobody listens on. From the moment it can be
 * connected to it has its mode.
 */
import { lstatSync, unlinkSync, type Stats } from 'node:fs'
import { connect, type Server } from 'node:net'

export interface UnixSocketOptions {
  readonly path: string
  /** Who may write to it may connect. */
  readonly mode: number
  readonly backlog: number
}

/** What stands at the path already, as a phrase that goes on from "cannot listen on ADDRESS: ". */
export class PathTaken extends Error {
  override readonly name = 'PathTaken'
}

/** Listens at a path, in the place of a socket that a dead server left behind. @throws PathTaken, system errors */
export async function listenAtPath(server: Server, options: UnixSocketOptions): Promise<void> {
  try {
    await listen(server, options)
  } catch (error) {
    if (!isCode(error, 'EADDRINUSE')) throw error
    await removeLeftover(options.path)
    await listen(server, options)
  }
}

async function listen(server: Server, { path, mode, backlog }: UnixSocketOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // The file is made inside of this call, so with exactly the permissions of the mask.
    const before = process.umask(0o777 & ~mode)
    try {
      server.listen({ path, backlog, exclusive: true }, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

/** @throws PathTaken unless it was a socket that nobody listens on */
async function removeLeftover(path: string): Promise<void> {
  const found = look(path)
  if (found === undefined) return
  if (!found.isSocket())
    throw new PathTaken(`there is a ${kindOf(found)} at ${path} that is no socket; remove it, or take another path`)
  const answer = await whoAnswers(path)
  if (answer !== 'ECONNREFUSED' && answer !== 'ENOENT') throw new PathTaken(takenText(path, answer))
  // Another daemon may have put its own there meanwhile.
  const now = look(path)
  if (now === undefined) return
  if (now.ino !== found.ino || now.ctimeMs !== found.ctimeMs) throw new PathTaken(takenText(path, undefined))
  unlinkSync(path)
}

/** @returns undefined when a server took the connection, else the system's error code */
async function whoAnswers(path: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : ''))
  })
}

function takenText(path: string, code: string | undefined): string {
  const why = code === undefined || code === 'EAGAIN' ? 'a server listens there' : `it cannot be asked (${code})`
  return `the socket is in use: ${why} (\`ss -lxp src ${path}\` says who). Stop it, or take another path`
}

function look(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function kindOf(stats: Stats): string {
  return stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symbolic link' : 'file'
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
