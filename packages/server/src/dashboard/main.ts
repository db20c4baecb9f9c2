/**
 * Owns the dashboard: puts its parts together and tells them what happens.
 * Must not know: how any of it is shown.
 * Invariant: whatever the daemon does, the page stays where it is: a stream that ends is opened again, and nothing that
 * stands here is thrown away for it.
 */
import type { Sample } from '../admin/status.ts'
import { type Point, pointOf } from '../admin/point.ts'
import { viewOf } from '../admin/view.ts'
import { Acts } from './acts.ts'
import { Api, ApiError } from './api.ts'
import { Details } from './details.ts'
import { find, setText } from './dom.ts'
import { Header } from './header.ts'
import { keepScroll, keepToken, keptScroll, keptToken } from './kept.ts'
import { followKeys, type KeyBinding, showHelp } from './keys.ts'
import { Live, type LinkState } from './live.ts'
import { Notices } from './notices.ts'
import { Overview } from './overview/overview.ts'
import { changed, hashOf, type Place, placeOf, type Tab, TABS } from './place.ts'
import { Series } from './series.ts'
import { followTheme } from './theme.ts'
import { Closed } from './views/closed.ts'
import { Configuration } from './views/config.ts'
import type { Settings } from './views/connection-query.ts'
import { Connections } from './views/connections.ts'
import type { AskingView } from './views/view.ts'

/** Less would be missed by a second that is late. */
const TWO_SECONDS_MS = 1900

class Dashboard {
  readonly #notices = new Notices()
  readonly #api = new Api(keptToken)
  readonly #series = new Series()
  readonly #header = new Header(this.#notices)
  readonly #acts = new Acts({
    api: this.#api,
    notices: this.#notices,
    token: keptToken,
    keepToken: (token) => this.#useToken(token),
  })
  readonly #overview: Overview
  readonly #views: Readonly<Record<Exclude<Tab, 'overview'>, AskingView>>
  readonly #details: Details
  readonly #live: Live
  #place: Place = placeOf(location.hash)
  #sample: Sample | undefined
  #before: Sample | undefined
  #isLocked = false
  /** Whether what was before the stream was opened is here. */
  #hasHistory = false
  #seen: Tab | undefined
  /** Views whose place was restored after the page was loaded. */
  readonly #restored = new Set<Tab>()

  constructor() {
    const routes = (): ReadonlyMap<number, string> => {
      return new Map(this.#sample?.status.routes.map(({ number, route }) => [number, route]))
    }
    const api = this.#api
    const change = (changes: Settings): void => this.#go(changed(this.#place, changes))
    const onOpen = (id: string): void => this.#details.open(id)
    this.#details = new Details({
      api,
      close: (id) => this.#acts.close(id),
      routes,
      listeners: () => this.#sample?.status.listeners.map(({ address }) => address) ?? [],
      onChange: (id) => this.#go(changed(this.#place, { open: id ?? '' }), true),
    })
    this.#overview = new Overview(this.#series, onOpen, (reason) => this.#go({ tab: 'closed', settings: { reason } }))
    this.#views = {
      connections: new Connections({ api, change, onOpen }),
      closed: new Closed({ api, change, routes, onOpen: (row) => this.#details.open(row.id, row) }),
      config: new Configuration({ api, change }),
    }
    this.#live = new Live({
      api,
      onSample: (sample) => this.#onSample(sample),
      onState: (state, message) => this.#onLink(state, message),
    })
  }

  run(): void {
    this.#listen()
    this.#show()
    void this.#live.run()
  }

  #listen(): void {
    addEventListener('hashchange', () => {
      this.#keepScroll()
      this.#place = placeOf(location.hash)
      this.#show()
    })
    addEventListener('pagehide', () => this.#keepScroll())
    addEventListener('scroll', () => this.#holdHeight(), { passive: true })
    addEventListener('online', () => this.#live.wake())
    document.addEventListener('visibilitychange', () => {
      this.#live.see(!document.hidden)
      this.#draw()
    })
    addEventListener('resize', () => this.#draw())
    const nextTheme = followTheme(() => {
      this.#overview.restyle()
      this.#draw()
    })
    const on = (id: string, run: () => void): void => find(id, HTMLButtonElement).addEventListener('click', run)
    const bindings = this.#bindings(nextTheme)
    followKeys(bindings)
    on('help', () => showHelp(bindings))
    on('reload', () => void this.#acts.reload())
    on('drain', () => void this.#acts.drain())
    on('token', () => void this.#onToken())
    on('unlock', () => void this.#acts.unlock())
  }

  #bindings(nextTheme: () => void): readonly KeyBinding[] {
    const names = ['the overview', 'connections', 'closed connections', 'the configuration']
    const tabs = TABS.map((tab, index) => ({
      key: String(index + 1),
      does: `go to ${names[index] ?? tab}`,
      run: () => this.#go({ tab, settings: {} }),
    }))
    const bindings: readonly KeyBinding[] = [
      ...tabs,
      { key: '/', does: 'filter', run: () => this.#view?.focusFilter() },
      { key: 'r', does: 'ask again now', run: () => this.#view?.refresh() },
      { key: 'n', does: 'next page', run: () => this.#view?.turn?.(true) },
      { key: 'p', does: 'page before', run: () => this.#view?.turn?.(false) },
      { key: 't', does: 'other colours', run: nextTheme },
      { key: '?', does: 'this list', run: () => showHelp(bindings) },
    ]
    return bindings
  }

  get #view(): AskingView | undefined {
    const { tab } = this.#place
    return tab === 'overview' ? undefined : this.#views[tab]
  }

  /** @param isQuiet the way back does not lead here */
  #go(place: Place, isQuiet = false): void {
    const hash = hashOf(place)
    if (hash === location.hash) return
    if (isQuiet || place.tab === this.#place.tab) {
      history.replaceState(null, '', hash)
      this.#place = place
      this.#show()
    } else location.hash = hash
  }

  /** What the place says is seen. */
  #show(): void {
    const { tab, settings } = this.#place
    if (tab !== this.#seen) find('main', HTMLElement).style.minHeight = ''
    this.#seen = tab
    for (const one of TABS) find(`view-${one}`, HTMLElement).hidden = this.#isLocked || one !== tab
    find('view-locked', HTMLElement).hidden = !this.#isLocked
    this.#header.select(tab)
    if (this.#isLocked) return
    this.#view?.show(this.#place)
    const { open } = settings
    if (open === undefined) this.#details.close()
    else this.#details.open(open)
    this.#draw()
  }

  #onSample(sample: Sample): void {
    const before = this.#sample
    const isSame = before !== undefined && lifeOf(before) === lifeOf(sample)
    // A stream that is opened begins with what was told last, which may be here already.
    const isNew = !isSame || before.status.now !== sample.status.now
    if (isNew) this.#before = isSame ? before : undefined
    this.#sample = sample
    if (isNew && this.#before !== undefined) {
      const { now } = sample.status
      const { status } = this.#before
      // Seconds that were not told here the daemon remembers.
      if (now - status.now > TWO_SECONDS_MS) this.#hasHistory = false
      else this.#series.add(pointOf(now, viewOf(status, sample.status)), lifeOf(sample))
    }
    if (!this.#hasHistory) void this.#recall(sample)
    this.#draw()
    if (document.hidden) return
    this.#view?.tick(sample.status)
    this.#details.tick()
    if (!isSame) this.#view?.refresh()
  }

  /** What was before the stream was opened. */
  async #recall(sample: Sample): Promise<void> {
    this.#hasHistory = true
    try {
      const { points } = await this.#api.get<{ readonly points: readonly Point[] }>('api/history')
      this.#series.merge(points, lifeOf(sample))
      this.#draw()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      // With the next sample, if there is one.
      this.#hasHistory = false
    }
  }

  #draw(): void {
    const sample = this.#sample
    if (sample === undefined || document.hidden || this.#isLocked) return
    this.#header.draw(sample.status)
    const { tab } = this.#place
    if (tab === 'overview') {
      this.#overview.draw(sample, viewOf((this.#before ?? sample).status, sample.status))
    }
    setText(document.querySelector('title') ?? document, titleOf(sample))
    this.#restoreScroll(tab)
  }

  #onLink(state: LinkState, message: string): void {
    this.#header.link(state, message)
    if (state !== 'live') this.#hasHistory = false
    const isLocked = state === 'locked'
    if (isLocked === this.#isLocked) return
    this.#isLocked = isLocked
    this.#show()
    if (isLocked && keptToken() === undefined) void this.#acts.unlock()
  }

  #useToken(token: string | undefined): void {
    keepToken(token)
    setText(find('token', HTMLButtonElement), token === undefined ? 'Token' : 'Forget token')
    this.#live.wake()
  }

  async #onToken(): Promise<void> {
    if (keptToken() !== undefined) {
      this.#useToken(undefined)
      this.#notices.say('info', 'The token of this tab is forgotten.')
    } else if (this.#isLocked) await this.#acts.unlock()
    else if (await this.#acts.arm()) this.#notices.say('good', 'The token is right.')
  }

  #keepScroll(): void {
    keepScroll(this.#place.tab, scrollY)
  }

  /** However many rows go, the page never ends above what somebody looks at: it would jump, and lose their place. */
  #holdHeight(): void {
    const main = find('main', HTMLElement)
    main.style.minHeight = scrollY > 0 ? `${Math.round(scrollY + innerHeight - main.offsetTop)}px` : ''
  }

  /** Once its rows are there the page is as long as it was. */
  #restoreScroll(tab: Tab): void {
    if (this.#restored.has(tab)) return
    this.#restored.add(tab)
    scrollTo({ top: keptScroll(tab), behavior: 'instant' })
  }
}

/** Which daemon it is of. */
function lifeOf({ status }: Sample): string {
  return `${status.pid} ${status.startedAt}`
}

function titleOf({ status }: Sample): string {
  return status.ready ? `shardwire ${status.pid}` : `not ready: shardwire ${status.pid}`
}

new Dashboard().run()
