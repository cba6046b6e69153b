/** The peers as they are installed beside this file. */
import { existsSync } from 'node:fs'
import { Installed } from '../installed.ts'

const installed = new Installed('peers')

export const load = <Module>(name: string): Promise<Module> => installed.load(name)

export const fileBeside = (name: string): string => installed.file(name)

/** The binary of Bun; `undefined` where its package is not installed. */
export function bunBinary(): string | undefined {
  const path = fileBeside('node_modules/.bin/bun')
  return existsSync(path) ? path : undefined
}
