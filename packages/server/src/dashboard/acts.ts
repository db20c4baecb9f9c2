/**
 * Owns acting on the daemon: asking whether it is meant, having the token, and saying what became of it.
 * Must not know: views.
 */
import { ApiError, type Api } from './api.ts'
import { askToken, confirm } from './dialogs.ts'
import type { Notices } from './notices.ts'

const NO_TOKEN =
  'Acting takes a token, and this daemon has none: set SHARDWIRE_ADMIN_TOKEN (or SHARDWIRE_ADMIN_TOKEN_FILE) in its ' +
  'configuration and reload it by SIGHUP.'

export interface ActsParts {
  readonly api: Api
  readonly notices: Notices
  readonly token: () => string | undefined
  readonly keepToken: (token: string | undefined) => void
}

export class Acts {
  readonly #parts: ActsParts

  constructor(parts: ActsParts) {
    this.#parts = parts
  }

  async close(id: string): Promise<void> {
    const isReset = await confirm(
      `Close connection ${id}?`,
      [
        'In order: the client is told to leave (GOAWAY), what is in flight is answered, then it is closed.',
        'Reset: it ends at once, and what was in flight is lost.',
      ],
      [
        { text: 'Reset', value: true, isDanger: true },
        { text: 'Close in order', value: false },
      ],
    )
    if (isReset === undefined) return
    const path = `api/connections/${encodeURIComponent(id)}${isReset ? '?reset=true' : ''}`
    await this.#do('DELETE', path, isReset ? `${id} was reset.` : `${id} is told to leave.`)
  }

  async reload(): Promise<void> {
    const text =
      'The environment file is read anew. If all of it is right, workers are replaced one after the other; ' +
      'no connect is refused, and clients are told to come back at once.'
    const isMeant = await confirm('Reload the daemon?', [text], [{ text: 'Reload', value: true }])
    if (isMeant === true) await this.#do('POST', 'api/reload', 'The reload has begun.')
  }

  async drain(): Promise<void> {
    const text =
      'It stops: nobody is accepted any more, every client is told to leave, what is in flight is answered, and the ' +
      'process ends. This page waits for the next one.'
    const choice = { text: 'Drain and stop', value: true, isDanger: true } as const
    const isMeant = await confirm('Drain the daemon?', [text], [choice])
    if (isMeant === true) await this.#do('POST', 'api/drain', 'The daemon drains, and will stop.')
  }

  /** For reading. @returns whether there is one now */
  async unlock(): Promise<boolean> {
    const { api, keepToken } = this.#parts
    const why = 'Reading takes SHARDWIRE_ADMIN_TOKEN or SHARDWIRE_ADMIN_READ_TOKEN of this daemon.'
    const token = await askToken(why, async (given) => {
      await api.ask('GET', 'api/access', given)
    })
    if (token === undefined) return false
    keepToken(token)
    return true
  }

  /** For acting. @returns whether there is one now */
  async arm(
    why = 'To close connections, reload and drain takes SHARDWIRE_ADMIN_TOKEN of this daemon.',
  ): Promise<boolean> {
    const { api, keepToken, notices } = this.#parts
    const { canAct } = await api.get<{ readonly canAct: boolean }>('api/access')
    if (!canAct) {
      notices.say('bad', NO_TOKEN)
      return false
    }
    const token = await askToken(why, async (given) => {
      await api.ask('POST', 'api/access', given)
    })
    if (token === undefined) return false
    keepToken(token)
    return true
  }

  async #do(method: string, path: string, done: string): Promise<void> {
    const { api, notices, token } = this.#parts
    try {
      if (token() === undefined && !(await this.arm())) return
      try {
        await api.ask(method, path)
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error
        if (!(await this.arm(`The token of this tab does not do for this: ${error.message}.`))) return
        await api.ask(method, path)
      }
      notices.say('good', done)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      notices.say('bad', error.message)
    }
  }
}
