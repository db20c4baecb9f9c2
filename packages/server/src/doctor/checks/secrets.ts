/** Owns the checks of certificates, and of who may read secrets. */
import { X509Certificate } from 'node:crypto'
import type { Clock } from '@shardwire/protocol'
import { type Finding, fine } from '../finding.ts'
import type { Scene } from '../scene.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 21
/** Read by others than owner and group. */
const OTHERS_READ = 0o004

export function checkCertificate({ config, system }: Scene, clock: Pick<Clock, 'wallMs'>): Finding[] {
  const { tlsCert } = config
  if (tlsCert === null) return []
  const text = system.read(tlsCert)
  const certificate = text === undefined ? undefined : parse(text)
  if (certificate === undefined) {
    const read = `${tlsCert} ${text === undefined ? 'cannot be read' : 'is no certificate'}`
    const why = 'the daemon would not start'
    const mend = [`openssl x509 -in ${tlsCert} -noout -subject -enddate`]
    return [{ check: 'certificate', level: 'critical', title: 'no certificate', read, why, mend }]
  }
  const days = Math.floor((Date.parse(certificate.validTo) - clock.wallMs()) / DAY_MS)
  const read = `${tlsCert} is valid until ${certificate.validTo}`
  if (days > SOON_DAYS) return [fine('certificate', 'the certificate', read)]
  const why = days < 0 ? 'clients that check it refuse it' : `clients that check it will refuse it in ${days} days`
  const mend = [`openssl x509 -in ${tlsCert} -noout -enddate  # when it has been renewed: it is read again by itself`]
  const title = days < 0 ? 'the certificate has expired' : 'the certificate expires soon'
  return [{ check: 'certificate', level: days < 0 ? 'critical' : 'warning', title, read, why, mend }]
}

/** @param env where the paths of secret files stand */
export function checkSecretFiles(
  { config, system }: Scene,
  env: Readonly<Record<string, string | undefined>>,
): Finding[] {
  const files = [
    ['SHARDWIRE_TLS_KEY', config.tlsKey],
    ['SHARDWIRE_ADMIN_TOKEN_FILE', env['SHARDWIRE_ADMIN_TOKEN_FILE']],
    ['SHARDWIRE_ADMIN_READ_TOKEN_FILE', env['SHARDWIRE_ADMIN_READ_TOKEN_FILE']],
  ] as const
  return files.flatMap(([name, path]) => {
    const mode = typeof path === 'string' ? system.mode(path) : undefined
    if (typeof path !== 'string' || mode === undefined) return []
    const check = `secret ${name}`
    const read = `${path} has the permissions 0${mode.toString(8)}`
    if ((mode & OTHERS_READ) === 0) return [fine(check, `the file of ${name}`, read)]
    const why = 'every user of this machine can read it'
    const title = 'a secret that everybody can read'
    return [{ check, level: 'warning' as const, title, read, why, mend: [`chmod o= ${path}`] }]
  })
}

/** A service module that is not there ends the start. */
export function checkService({ config, system }: Scene): Finding[] {
  const { service } = config
  if (service === null) return []
  const isThere = system.mode(service) !== undefined
  const read = `${service} ${isThere ? 'is there' : 'is not there'}`
  if (isThere) return [fine('service', 'the service module', read)]
  const why = 'SHARDWIRE_SERVICE names it, relative to the working directory: the daemon would not start'
  return [{ check: 'service', level: 'critical', title: 'no service module', read, why, mend: [`ls -l ${service}`] }]
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    // That it is none is what is told.
    return undefined
  }
}
