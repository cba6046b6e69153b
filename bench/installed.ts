/** Peers as they are installed in a folder of the benchmarks, wherever this file was bundled to. */
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Modules and files of one folder below `bench`, which has a `package.json` of its own. */
export class Installed {
  readonly #folder: URL
  readonly #require: NodeJS.Require

  constructor(folder: string) {
    // The bundle lies in `dist-bench`.
    this.#folder = new URL(`../bench/${folder}/`, import.meta.url)
    this.#require = createRequire(new URL('package.json', this.#folder))
  }

  /** A peer's module, as far as it is used. */
  async load<Module>(name: string): Promise<Module> {
    return (await import(pathToFileURL(this.#require.resolve(name)).href)) as Module
  }

  file(name: string): string {
    return fileURLToPath(new URL(name, this.#folder))
  }
}
