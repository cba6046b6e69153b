/** The peers as they are installed beside this file, wherever it was bundled to. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The bundle lies in `dist-bench`. */
const FOLDER = new URL('../bench/peers/', import.meta.url)
const require = createRequire(new URL('package.json', FOLDER))

/** A peer's module, as far as it is used. */
export async function load<Module>(name: string): Promise<Module> {
  return (await import(pathToFileURL(require.resolve(name)).href)) as Module
}

export const fileBeside = (name: string): string => fileURLToPath(new URL(name, FOLDER))

/** The binary of Bun; `undefined` where its package is not installed. */
export function bunBinary(): string | undefined {
  const path = fileBeside('node_modules/.bin/bun')
  return existsSync(path) ? path : undefined
}
