/**
 * Owns writing the JSON schemas of the bench's reports into its package.
 * Must not know: the reports.
 * Invariant: the files hold what the descriptions in packages/bench/src/report/schema say; run it after changing those.
 *
 *     node_modules/.bin/node --conditions=source scripts/bench-schemas.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'

import { jsonSchemaOf, REPORT_NAMES } from '@shardwire/bench'

const FOLDER = new URL('../packages/bench/schemas/', import.meta.url)

mkdirSync(FOLDER, { recursive: true })
for (const name of REPORT_NAMES) writeFileSync(new URL(`${name}.schema.json`, FOLDER), jsonSchemaOf(name))
