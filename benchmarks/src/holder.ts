/**
 * Owns the talk with load/hold: many connections that another process keeps open for us.
 * Must not know: who serves them, memory.
 */
import { z } from 'zod'
import type { Child, Children } from './children.ts'

const heldSchema = z.object({ open: z.int(), lost: z.int(), pings: z.int() })
export type Held = z.infer<typeof heldSchema>

export class Holder {
  readonly #child: Child

  constructor(children: Children, program: string, port: number) {
    this.#child = children.start('hold', [program, '127.0.0.1', `${port}`])
  }

  /** Opens `count` more; each has had its first echo when this resolves. */
  async open(count: number): Promise<Held> {
    return await this.#ask(`open ${count}`)
  }

  /** Sends, on each, the first `bytes` bytes of a frame that announces `bodyBytes`. */
  async cut(bodyBytes: number, bytes: number): Promise<Held> {
    return await this.#ask(`cut ${bodyBytes} ${bytes}`)
  }

  /** Sends, on each, frames of `bodyBytes` of body for as long as they are taken, and reads nothing more. */
  async flood(bodyBytes: number): Promise<Held> {
    return await this.#ask(`flood ${bodyBytes}`)
  }

  async count(): Promise<Held> {
    return await this.#ask('count')
  }

  async close(): Promise<void> {
    await this.#ask('close')
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }

  async #ask(command: string): Promise<Held> {
    this.#child.writeLine(command)
    return heldSchema.parse(JSON.parse(await this.#child.nextLine()))
  }
}
