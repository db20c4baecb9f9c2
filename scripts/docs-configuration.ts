/**
 * Owns docs/configuration.md: the page made from the option table and the rules between options. Run it after
 * changing a row (a test fails until then):
 *
 *     node --conditions=source scripts/docs-configuration.ts
 *
 * Invariant: every row and every rule is on the page, in the words that the daemon itself uses.
 */
import { writeFileSync } from 'node:fs'
import type { Option } from '../packages/server/src/config/option.ts'
import { OPTIONS } from '../packages/server/src/config/options.ts'
import { PAIR_CHECKS } from '../packages/server/src/config/pair-checks.ts'

const PAGE = new URL('../docs/configuration.md', import.meta.url)

const HEAD = `# Configuration

<!-- Written by scripts/docs-configuration.ts from the option table; change the table and run it again. -->

shardwire is configured through environment variables. All of them are read when it starts; a bad value stops the
start with every problem listed at once. SIGHUP reads the file of \`SHARDWIRE_ENV_FILE\` again: see below.
\`shardwire config\` prints what is in effect and where it came from.
`

const RULES_HEAD = `## Between options

Each of these is checked when one of the two is set; defaults alone never stop a start.
`

const LISTEN = `## Listen addresses

\`SHARDWIRE_LISTEN\` is a list of addresses with commas between:

\`\`\`
tcp://127.0.0.1:7400                         one IPv4 address
tcp://[::1]:7400                             IPv6 goes in brackets
tcp://[::]:7400                              every address of the machine, IPv6 and IPv4
tcp://0.0.0.0:7400                           every IPv4 address
tcp://localhost:0                            a name; port 0 takes a free port
tcp://10.0.0.1:7400?heartbeat-ms=5000&idle-timeout-ms=20000&max-frame-bytes=65536
tcp://0.0.0.0:7402?codec=json                a stream of JSON objects instead of frames
tcp://0.0.0.0:7403?codec=line&delimiter=%0D%0A&route=note
tcp://0.0.0.0:7404?codec=./my-codec.ts       a codec of your own
tls://0.0.0.0:7443                           TLS: needs SHARDWIRE_TLS_CERT and SHARDWIRE_TLS_KEY, see tls.md
unix:/run/shardwire.sock?mode=0660           a Unix socket, and who may connect
fd://3                                       a socket that was handed on: systemd socket activation
\`\`\`

The parameters \`heartbeat-ms\`, \`idle-timeout-ms\`, \`max-frame-bytes\`, \`backlog\`, \`nodelay\`, \`keepalive-ms\`,
\`keepalive-interval-ms\` and \`keepalive-probes\` stand in for the options of the same name on that address; a Unix
socket does not have the last four. A host of \`*\`, or none, is refused: write which family is meant. The same address
twice is refused; port 0 may come as often as you like.

\`codec\` says what is spoken: \`frame\`, which is the default, \`json\`, \`line\`, \`raw\`, or the path of a module
from the working directory; all in [codecs.md](codecs.md). With \`line\` come \`delimiter\`, 1 to 8 bytes,
percent-encoded where they are no plain characters (a comma is \`%2C\`), and \`route\`, a name or number, which
\`raw\` and modules have too; a module is given each \`codec-NAME=value\` as its parameter NAME. Codecs other than
\`frame\` have no PING, hence no \`heartbeat-ms\`, and an idle timeout of 90000 ms unless
\`SHARDWIRE_IDLE_TIMEOUT_MS\` or \`idle-timeout-ms\` is set, if to 0.

A Unix socket has an absolute path of at most 107 bytes, and the permissions \`mode\` from the moment it exists, 0660
unless told otherwise: user and group of the daemon. One that a dead daemon left behind is replaced, one that somebody
listens on is not, and nothing else that stands there is ever removed. It goes with the daemon. The primary accepts
from it, whatever \`SHARDWIRE_ACCEPT\` says.

\`fd://3\` is the first socket that whoever started the daemon has bound and left open, TCP or Unix,
\`fd://4\` the next; the primary accepts from it too. It is neither unlinked nor given other permissions. While its
owner keeps it open, clients that connect between a stop and the next start wait for that;
[operations.md](operations.md#systemd) has a socket unit. TLS on one is not in this version.
`

const ENV_FILE = `## The file of SHARDWIRE_ENV_FILE

\`\`\`
# Comments, and lines that are empty, are passed over.
SHARDWIRE_MAX_IN_FLIGHT=64
DATABASE_URL="postgres://db/stock?x=1"
\`\`\`

It is read by Node's own parser of such files (\`util.parseEnv\`): NAME=VALUE a line, \`export\` before it if you like,
quotes around what has blanks or line breaks. A variable that the real environment sets is taken from there. Workers get
all of them, those of your service included. A line that begins with \`SHARDWIRE_\` and sets nothing is an error.

SIGHUP reads it again. What is wrong, or would need a restart, is told in full in the log, and nothing changes then;
else the workers are replaced one by one, each new one first ([operations.md](operations.md#reload)). What needs a
restart has it in its row; of \`SHARDWIRE_LISTEN\` that is the addresses with codec and mode, while other parameters
take effect. What is for connections is so for those that come from then on; who is past a limit that became smaller
stays.
`

const CONVENTIONS = `## Conventions

- A variable that is empty, or only blanks, counts as not set. Blanks around a value are dropped.
- Durations are plain milliseconds and sizes plain bytes: \`10000\`, not \`10s\`; \`1048576\`, not \`1MiB\`.
  Somebody who writes the latter is told the number.
- Switches are \`true\` or \`false\`; words are in lower case.
- A variable that begins with \`SHARDWIRE_\` and is not listed here stops the start, with the nearest name, and its
  value is not printed.
- What Kubernetes injects for a Service called shardwire (\`SHARDWIRE_SERVICE_HOST\`, \`SHARDWIRE_SERVICE_PORT\`,
  \`SHARDWIRE_SERVICE_PORT_<NAME>\`, \`SHARDWIRE_PORT=tcp://…\`, \`SHARDWIRE_PORT_<n>_TCP…\`, and the same for a
  Service called shardwire-x) is ignored, and so is what a container link under the alias shardwire sets.
- A secret may stand in a file instead, whose path is in the variable with \`_FILE\` behind its name. No secret is ever
  printed, logged, or given to a worker.
- Cores and memory are those of the container where there is one.
`

/** The whole page. */
export function toMarkdown(): string {
  const rows = Object.values<Option<unknown>>(OPTIONS)
  return [HEAD, ...tableOf(rows), '', RULES_HEAD, ...rulesOf(), '', LISTEN, ENV_FILE, CONVENTIONS].join('\n')
}

function tableOf(rows: readonly Option<unknown>[]): readonly string[] {
  const lines = rows.map(({ name, fallback, kind, meaning, example, needsRestart, secret }) => {
    const standard =
      fallback.source === 'default' && !fallback.text.includes(' ') ? `\`${fallback.text}\`` : fallback.text
    const text = needsRestart === true ? `${meaning} Needs a restart.` : meaning
    const names = secret === true ? `\`${name}\` or \`${name}_FILE\`` : `\`${name}\``
    return `| ${names} | ${standard} | ${kind.expected} | ${text} | \`${example}\` |`
  })
  return ['| name | default | accepted | meaning | example |', '|---|---|---|---|---|', ...lines]
}

function rulesOf(): readonly string[] {
  return PAIR_CHECKS.map(({ change, rule, why }) => `- \`${OPTIONS[change].name}\` is ${rule}; else ${why}.`)
}

if (import.meta.main) writeFileSync(PAGE, toMarkdown())
