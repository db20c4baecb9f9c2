/**
 * Owns docs/metrics.md: the page made from the table of metrics. Run it after changing a metric (a test fails until
 * then):
 *
 *     node --conditions=source scripts/docs-metrics.ts
 *
 * Invariant: every metric is on the page, with its type, its labels, and the words of its HELP.
 */
import { writeFileSync } from 'node:fs'
import { METRIC_GROUPS } from '../packages/server/src/metrics/definitions.ts'
import { DELAY_BOUNDS, DURATION_BOUNDS } from '../packages/server/src/metrics/histogram.ts'

const PAGE = new URL('../docs/metrics.md', import.meta.url)

const HEAD = `# Metrics

<!-- Written by scripts/docs-metrics.ts from the table of metrics; change the table and run it again. -->

\`GET /metrics\` on the address of \`SHARDWIRE_ADMIN\` (\`http://127.0.0.1:7401\` unless set) answers in Prometheus'
text format. Where reading takes a token ([operations.md](operations.md#the-admin-address)) the scraper sends it:

\`\`\`yaml
scrape_configs:
  - job_name: shardwire
    authorization: { credentials_file: /run/secrets/shardwire-read-token }
    static_configs: [{ targets: ['10.0.0.1:7401'] }]
\`\`\`

## How to read them

- Workers report once a second, so what is shown is at most a second old. A scrape asks no worker, and costs the primary
  some milliseconds: of a daemon with 50 workers it took 9 with the way there and back (the median of 20).
- \`worker\` is the number of a worker's slot, which stays when the worker is replaced. While one worker takes over from
  another both are in it: what is counted, and what they hold, is added.
- What is counted goes on when a worker dies or is replaced; with one that was killed goes what it did since its last
  report. Only a restart of the daemon begins at 0, which \`rate()\` knows.
- \`reason\`, \`class\` and \`outcome\` are those of [operations.md](operations.md#why-a-connection-ended) and of the
  error table in [protocol.md](protocol.md). Of \`outcome\` only those are there that have occurred, and \`ok\`.
- \`route\` is the name that the service gave it; \`(unknown)\` is all routes that it does not have.
- \`shardwire_request_duration_seconds\` counts every request up to some 8000 a second of a route and worker; beyond
  that one in so many, weighted: two looks at the clock are half of what serving a short frame takes. Handlers that
  return promises are always timed. It begins when a whole frame is there and ends with the answer: neither the network
  nor the time before the worker read the frame is in it.
- Histograms have their buckets at 1, 2 and 5 of each power of ten: of durations from ${DURATION_BOUNDS[0]} to
  ${DURATION_BOUNDS.at(-1)} s, of delays and pauses from ${DELAY_BOUNDS[0]} to ${DELAY_BOUNDS.at(-1)} s.

Some questions, and their answers in PromQL:

`

const LOOP = 'shardwire_worker_event_loop'
const DURATION = 'shardwire_request_duration_seconds_bucket'
const SEGMENTS = 'segments_total[5m])'

const QUESTIONS: readonly (readonly [string, string])[] = [
  ['requests a second by route', 'sum by (route) (rate(shardwire_requests_total[1m]))'],
  [
    'part of them that fails',
    'sum(rate(shardwire_requests_total{outcome!="ok"}[5m])) / sum(rate(shardwire_requests_total[5m]))',
  ],
  ['99th percentile by route', `histogram_quantile(0.99, sum by (route, le) (rate(${DURATION}[5m])))`],
  [
    'how busy each event loop is',
    `rate(${LOOP}_active_seconds_total[1m]) / ` +
      `(rate(${LOOP}_active_seconds_total[1m]) + rate(${LOOP}_idle_seconds_total[1m]))`,
  ],
  ['part of the time in garbage collections', 'rate(shardwire_worker_gc_seconds_total[5m])'],
  [
    'connections that ended for a reason that is ours',
    'sum by (reason) (rate(shardwire_connections_closed_total{class="system"}[5m]))',
  ],
  [
    'part of TCP segments sent again',
    `rate(shardwire_kernel_retransmitted_${SEGMENTS} / rate(shardwire_kernel_sent_${SEGMENTS}`,
  ],
]

/** The whole page. */
export function toMarkdown(): string {
  const groups = METRIC_GROUPS.map(({ title, metrics }) => {
    const rows = Object.entries(metrics).map(([name, { type, help, labels }]) => {
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`
    })
    return [`## ${title}`, '', '| name | type | labels | what it tells |', '|---|---|---|---|', ...rows, ''].join('\n')
  })
  const questions = QUESTIONS.map(([what, expression]) => `| ${what} | \`${expression}\` |`)
  const table = ['| what | expression |', '|---|---|', ...questions, '']
  return [HEAD + table.join('\n'), ...groups].join('\n')
}

if (import.meta.main) writeFileSync(PAGE, toMarkdown())
