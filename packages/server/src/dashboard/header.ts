/**
 * Owns what stands above all views: whether the daemon is there and ready, which one it is, and which view is seen.
 * Must not know: views.
 */
import type { Status } from '../admin/status.ts'
import { spanText } from '../admin/units.ts'
import { find, setAttribute, setText } from './dom.ts'
import type { LinkState } from './live.ts'
import type { Notices } from './notices.ts'
import { type Tab, TABS } from './place.ts'

const MS_PER_S = 1000
const LINK_WORDS: Readonly<Record<LinkState, string>> = {
  connecting: 'connecting',
  live: '',
  lost: 'not reached',
  full: 'too many look',
  locked: 'locked',
}

export class Header {
  readonly #notices: Notices
  readonly #state = find('state', HTMLElement)
  readonly #stateText = find('state-text', HTMLElement)
  #version: string | undefined
  #reload: Status['reload']['lastOutcome'] | undefined

  constructor(notices: Notices) {
    this.#notices = notices
  }

  link(state: LinkState, message: string): void {
    if (state === 'live') {
      this.#notices.keep('link', 'bad', undefined)
      return
    }
    this.#say(state === 'connecting' ? 'quiet' : 'bad', LINK_WORDS[state])
    const isTold = state === 'lost' || state === 'full'
    const told = `${message}. What stands here is the last that was seen; it goes on by itself.`
    this.#notices.keep('link', state === 'lost' ? 'bad' : 'warn', isTold ? told : undefined)
  }

  draw(status: Status): void {
    const { ready, reasons, version, pid, node, upMs, workers } = status
    this.#say(ready ? 'good' : 'warn', ready ? 'ready' : 'not ready')
    this.#notices.keep('ready', 'warn', ready ? undefined : `Not ready: ${reasons.join('; ')}`)
    const up = spanText(upMs / MS_PER_S)
    setText(find('facts', HTMLElement), `${version} · pid ${pid} · up ${up} · ${workers.length} workers · Node ${node}`)
    const open = workers.reduce((sum, worker) => sum + worker.connections, 0)
    setText(find('count-connections', HTMLElement), open.toLocaleString('en'))
    this.#tellVersion(version)
    this.#tellReload(status.reload)
  }

  /** @param tab the view that is seen */
  select(tab: Tab): void {
    for (const one of TABS) {
      const link = document.querySelector(`.tabs [data-tab="${one}"]`)
      if (link !== null) setAttribute(link, 'aria-current', one === tab ? 'page' : undefined)
    }
  }

  #say(tone: string, text: string): void {
    setAttribute(this.#state, 'data-tone', tone)
    setText(this.#stateText, text)
  }

  /** The page is of the daemon that it was loaded from. */
  #tellVersion(version: string): void {
    this.#version ??= version
    const text = `The daemon is ${version} now: reload this page, which is of ${this.#version}.`
    this.#notices.keep('version', 'info', version === this.#version ? undefined : text)
  }

  #tellReload({ isRunning, lastOutcome, lastProblems }: Status['reload']): void {
    this.#notices.keep('reload', 'info', isRunning ? 'A reload is under way: workers are replaced in turn.' : undefined)
    if (isRunning) {
      this.#reload = null
      return
    }
    // Of what was before this page was opened nothing is said.
    if (this.#reload === undefined || (this.#reload === lastOutcome && lastOutcome !== null)) {
      this.#reload = lastOutcome
      return
    }
    if (lastOutcome === null) return
    this.#reload = lastOutcome
    if (lastOutcome === 'done') this.#notices.say('good', 'The reload is done.')
    else
      this.#notices.say(
        'bad',
        `The reload ${lastOutcome === 'failed' ? 'failed' : 'was refused'}: ${lastProblems.join('; ')}`,
      )
  }
}
