/** What a pattern says, in words: by the package cronstrue, where that is installed. */

/** A pattern in English; `undefined` where nobody can say. */
export type Describe = (pattern: string) => string | undefined

let loading: Promise<Describe> | undefined

export function loadDescriber(): Promise<Describe> {
  loading ??= load()
  return loading
}

async function load(): Promise<Describe> {
  try {
    const { default: cronstrue } = await import('cronstrue')
    return (pattern) => {
      try {
        return cronstrue.toString(pattern, { verbose: false })
      } catch {
        return undefined
      }
    }
  } catch {
    return () => undefined
  }
}
