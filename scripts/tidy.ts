/**
 * Owns the tidy step of the check: reads every file of the repository once and lays the house rules on it. What needs a
 * parser is lint's affair; here are sizes, headers, and words that do not belong.
 * A line may be excused by a comment on it or on the line above it: `tidy:allow <rule> <reason>`.
 */
import { join } from 'node:path'
import { checkDependencies } from './tidy/dependencies.ts'
import { readRepository } from './tidy/files.ts'
import { checkFile } from './tidy/rules.ts'

const files = readRepository(join(import.meta.dirname, '..'))
const violations = [...files.flatMap(checkFile), ...checkDependencies(files)]
for (const { path, line, rule, message } of violations) {
  process.stdout.write(`${path}:${line}: ${rule}: ${message}\n`)
}
if (violations.length > 0) process.exitCode = 1
else process.stdout.write(`${files.length} files are tidy\n`)
