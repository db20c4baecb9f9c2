/** Owns opening the dashboard in a browser, and what must never happen there. */
import type { Browser, Page } from '@shardwire/testkit/chromium'

export interface Opened extends AsyncDisposable {
  readonly page: Page
  /** Errors, words on the console, and requests that left the origin. */
  readonly faults: string[]
}

export interface Look {
  readonly width?: number
  readonly scheme?: 'light' | 'dark'
  /** Whether its time can be moved. */
  readonly hasClock?: true
}

/** @param url of the page, with its place */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, scheme = 'light', hasClock }: Look = {},
): Promise<Opened> {
  const page = await browser.newPage({
    viewport: { width, height: 800 },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  })
  // Pages are opened beside one another, on a machine that may be busy.
  page.setDefaultTimeout(30_000)
  const faults: string[] = []
  const { origin } = new URL(url)
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    // What was refused, or is gone, is told there by the browser itself.
    if (!message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(request.url())
  })
  if (hasClock === true) await page.clock.install()
  await page.goto(url)
  return {
    page,
    faults,
    [Symbol.asyncDispose]: async () => {
      await page.close()
    },
  }
}
