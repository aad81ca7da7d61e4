const ID_BYTES = 16;

/** Ids that were given in ascending order, 16 bytes each and twice that at most: a million of them are 16 to 32 MB. */
export interface IdList {
  /** Appends a UUID that comes after all before it. */
  add(id: string): void;
  has(id: string): boolean;
}

/** An empty list. */
export function openIdList(): IdList {
  let bytes = Buffer.alloc(ID_BYTES * 1024);
  let size = 0;
  const at = (n: number) => bytes.subarray(n * ID_BYTES, (n + 1) * ID_BYTES);
  return {
    add(id) {
      if ((size + 1) * ID_BYTES > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(bytes.length)]);
      bytes.set(bytesOf(id), size * ID_BYTES);
      size += 1;
    },
    has(id) {
      const sought = bytesOf(id);
      let [low, high] = [0, size];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (at(middle).compare(sought) < 0) low = middle + 1;
        else high = middle;
      }
      return low < size && at(low).equals(sought);
    },
  };
}

function bytesOf(id: string): Buffer {
  return Buffer.from(id.replaceAll("-", ""), "hex");
}
