/** Owns a client that speaks no frames: it sends what it is told, and reads line by line. */
import { RawClient, withinLimit } from '@shardwire/testkit'
import type { Socket } from 'node:net'

export class LineClient {
  readonly raw: RawClient
  #taken = 0
  #wake: () => void = () => undefined

  constructor(raw: RawClient) {
    this.raw = raw
    // Bytes that came before this are told by `bytes`, and later ones by this.
    raw.socket.on('data', () => this.#wake())
    raw.socket.on('close', () => this.#wake())
  }

  static async connect(port: number): Promise<LineClient> {
    return new LineClient(await RawClient.connect(port))
  }

  get socket(): Socket {
    return this.raw.socket
  }

  /** All that came so far. */
  get text(): string {
    return Buffer.from(this.raw.bytes).toString()
  }

  async send(text: string | Uint8Array): Promise<void> {
    await this.raw.write(Buffer.from(text))
  }

  /** The next line, without its newline. Rejects when the connection ends before. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.text.indexOf('\n', this.#taken)
      if (end >= 0) {
        const line = this.text.slice(this.#taken, end)
        this.#taken = end + 1
        return line
      }
      if (this.socket.closed) throw new Error(`the connection ended; all that came: ${JSON.stringify(this.text)}`)
      await withinLimit(this.#more(), () => `no line; all that came: ${JSON.stringify(this.text)}`)
    }
  }

  async lines(count: number): Promise<string[]> {
    const lines: string[] = []
    while (lines.length < count) lines.push(await this.line())
    return lines
  }

  /** Sends FIN, waits for the server's. @returns all that came */
  async finish(): Promise<string> {
    this.raw.halfClose()
    return await this.ended()
  }

  /** Waits for the server's FIN. @returns all that came */
  async ended(): Promise<string> {
    const { how } = await this.raw.closed()
    if (how !== 'end') throw new Error(`expected a FIN, got ${how}; all that came: ${JSON.stringify(this.text)}`)
    return this.text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw[Symbol.asyncDispose]()
  }

  #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    return promise
  }
}
