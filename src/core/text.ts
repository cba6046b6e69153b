/** Measuring and cutting text by its bytes in UTF-8. */

/** Bytes of a well-formed string in UTF-8; a lone surrogate counts three, as its replacement would. */
export function utf8Bytes(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(i + 1))) {
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}

/** The text where it fits into `bytes`, else as much of its beginning as does with `…` behind it; always well-formed. */
export function cutText(text: string, bytes: number): string {
  const wellFormed = text.length <= bytes ? text.toWellFormed() : text.slice(0, bytes + 1).toWellFormed()
  if (text.length <= bytes && utf8Bytes(wellFormed) <= bytes) return wellFormed
  const room = bytes - utf8Bytes('…')
  let used = 0
  let end = 0
  for (const character of wellFormed) {
    used += utf8Bytes(character)
    if (used > room) break
    end += character.length
  }
  return `${wellFormed.slice(0, end)}…`
}

const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000
