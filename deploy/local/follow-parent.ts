const POLL_MS = 500;

/**
 * Calls `onGone` once when our parent has ended.
 *
 * `npm start` puts a shell between npm and us, and a signal sent to npm ends both without reaching us: nobody would be
 * left who knows of the mesh.
 */
export function followParent(host: { readonly ppid: number }, onGone: () => void, everyMs = POLL_MS): void {
  const parent = host.ppid;
  const timer = setInterval(() => {
    if (host.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, everyMs);
  timer.unref();
}
