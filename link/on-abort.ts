/**
 * What a signal ends, also one that has fired already: the step before may have taken all the time there was, and no signal fires twice.
 *
 * @module
 */
export const onAbort = (signal: AbortSignal, abort: () => void): void => {
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
};
