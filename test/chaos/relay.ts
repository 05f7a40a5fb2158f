/**
 * A program that stands before a server and makes its line as bad as it is told to: `relay.ts ADDRESS PORT TARGET
 * TARGET-PORT`. Bytes go there and back as they come, but later and slower. Each line on standard input is a `Quality`, for connections that are open as
 * well; the end of standard input is the end.
 *
 * @module
 */
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface Quality {
  /** Milliseconds that every byte is under way longer, in each direction. */
  readonly delayMs: number;
  /** Of one connection, in each direction; 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}

let quality: Quality = { delayMs: 0, bytesPerSecond: 0 };

/** Passes on in order what comes; the end is passed on as well. */
function forward(from: Socket, to: Socket): void {
  let free = 0;
  let last = 0;
  let waiting = 0;
  const later = (action: () => void, bytes: number): void => {
    const now = performance.now();
    free = Math.max(free, now) + (quality.bytesPerSecond === 0 ? 0 : (bytes * 1000) / quality.bytesPerSecond);
    // Whatever the quality becomes, nothing overtakes what was sent before.
    last = Math.max(last, free + quality.delayMs);
    waiting += 1;
    if (free > now) {
      from.pause();
      setTimeout(() => from.resume(), free - now);
    }
    const act = (): void => {
      waiting -= 1;
      action();
    };
    if (last <= now && waiting === 1) act();
    else at(last, act);
  };
  const at = timeline();
  from.on('data', (chunk: Buffer) => later(() => to.write(chunk), chunk.length));
  from.on('end', () => later(() => to.end(), 0));
  from.on('error', () => to.destroy());
  from.on('close', () => later(() => to.destroySoon(), 0));
}

/** Actions at times that never go back, each in its turn. */
function timeline(): (time: number, action: () => void) => void {
  const line: { time: number; action: () => void }[] = [];
  const next = (): void => {
    while (line.length > 0 && line[0]!.time <= performance.now()) line.shift()!.action();
    if (line.length > 0) setTimeout(next, Math.max(0, line[0]!.time - performance.now()));
  };
  return (time, action) => {
    line.push({ time, action });
    if (line.length === 1) setTimeout(next, Math.max(0, time - performance.now()));
  };
}

const [address, port, target, targetPort] = process.argv.slice(2);
const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const upstream = connect({ host: target, port: Number(targetPort), allowHalfOpen: true, noDelay: true });
  forward(client, upstream);
  forward(upstream, client);
});
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
createInterface({ input: process.stdin })
  .on('line', (line) => { quality = JSON.parse(line) as Quality; })
  .on('close', () => process.exit(0));
