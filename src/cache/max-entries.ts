/**
 * Options of an `LRUCache` that has at most so many entries. By `max`, lru-cache allocates room for all of them at once,
 * 18 to 36 bytes each; by a size of 1 for each, as they come. Source: https://isaacs.github.io/node-lru-cache/
 */
export function maxEntries(count: number): { readonly maxSize: number; readonly sizeCalculation: () => number } {
  return { maxSize: count, sizeCalculation: () => 1 };
}
