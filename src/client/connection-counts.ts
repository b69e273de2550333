/**
 * How many connections that go on there are: in all, of each address, and of each identity, whatever its addresses.
 * In: connections that begin and end. Out: whether there is room for one more. Clock: per connection.
 */

export interface ConnectionCountLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly maxConnectionsPerIdentity: number;
}

export class ConnectionCounts {
  private total = 0;
  private readonly perIp = new Map<string, number>();
  private readonly perCaller = new Map<string, number>();

  constructor(private readonly limits: ConnectionCountLimits) {}

  /** Whether one more may begin at this address. */
  hasRoom(ip: string): boolean {
    const { maxConnections, maxConnectionsPerIp } = this.limits;
    return this.total < maxConnections && (this.perIp.get(ip) ?? 0) < maxConnectionsPerIp;
  }

  enter(ip: string): void {
    this.total += 1;
    add(this.perIp, ip, 1);
  }

  /** For each `enter`, once. */
  leave(ip: string): void {
    this.total -= 1;
    add(this.perIp, ip, -1);
  }

  /** Counts one more of this identity, unless it has as many as it may; undefined is nobody, and is not counted. */
  enterCaller(caller: string | undefined): boolean {
    if (caller === undefined) return true;
    if ((this.perCaller.get(caller) ?? 0) >= this.limits.maxConnectionsPerIdentity) return false;
    add(this.perCaller, caller, 1);
    return true;
  }

  /** For each `enterCaller` that was true, once. */
  leaveCaller(caller: string | undefined): void {
    if (caller !== undefined) add(this.perCaller, caller, -1);
  }
}

/** Nothing is kept of those who have none. */
function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
