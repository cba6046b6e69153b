/**
 * Every limit of Holdfast, named once with its unit. Nothing in the library is unbounded; what is too large
 * is refused with a typed error or cut off, as the comment beside it says.
 */

/** Operations of one commit call: keys and records named; a move counts limit x (1 + places). More is refused. */
export const UNIT_OPERATIONS = 800
/** Bytes (UTF-8) of all text in one commit call. More is refused. */
export const UNIT_BYTES = 512 * 1024
/** Bytes (UTF-8) of one record. A larger one is refused. */
export const VALUE_BYTES = 256 * 1024
/** Bytes of one key, lane name or record id. A longer one is refused. */
export const KEY_BYTES = 1024
