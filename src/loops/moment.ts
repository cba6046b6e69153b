/** Something that happens again and again, and those who wait for the next time. */
export class Moment {
  #waiting: (() => void)[] = []

  /** Resolves the next time it happens. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** It happens now. */
  come(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
