import { create } from "@bufbuild/protobuf";
import { pino } from "pino";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openHub } from "#shared/highway/hub.ts";
import { MemoryLog } from "#tests/unit/highway/memory-log.ts";
const text = "Up betimes and to my office ".repeat(15);
for (const [n, filter] of [[0,false],[1,false],[100,false],[0,false],[1,false],[100,false],[100,true]] as const) {
  const port = new MemoryLog();
  const log = pino({level:"silent"});
  const here = await openHub({ port, redisUrl: "redis://127.0.0.1:56379/3", log });
  const there = await openHub({ port, redisUrl: "redis://127.0.0.1:56379/3", log });
  const ac = new AbortController(); let frames=0, bytes=0;
  const done = [];
  for (let i=0;i<n;i++) done.push((async()=>{ for await (const f of there.subscribe(create(SubscribeRequestSchema, filter?{filter:{sources:["test"]}}:{}), {scope: localScope(), signal: ac.signal, subscriptionId:"s"})) { frames++; bytes+=f.encoded.length; } })());
  await new Promise(r=>setTimeout(r,300));
  const N=3000; 
  const evs=[...Array(N)].map(()=>({text}));
  const f0=frames; const c0=process.cpuUsage(); const t0=performance.now();
  for (const e of evs) { here.publish("cc", port.record("cc",[e])); await new Promise(r=>setTimeout(r,1)); }
  const c=process.cpuUsage(c0);
  await new Promise(r=>setTimeout(r,200));
  console.log("subscribers",n, filter?"filtered":"","cpu us/event",((c.user+c.system)/N).toFixed(1),"frames/event/sub",n?((frames-f0)/N/n).toFixed(2):0, "ms", (performance.now()-t0).toFixed(0));
  ac.abort(); await Promise.all(done); await here.close(); await there.close();
}
// idle
{
  const port = new MemoryLog(Array.from({length:1000},(_,i)=>`m${i}`));
  const log = pino({level:"silent"});
  const hub = await openHub({ port, redisUrl: "redis://127.0.0.1:56379/3", log });
  const ac = new AbortController(); const done=[];
  for (let i=0;i<100;i++) done.push((async()=>{ for await (const _ of hub.subscribe(create(SubscribeRequestSchema,{allModules:true}), {scope: localScope(), signal: ac.signal, subscriptionId:"s"})); })());
  await new Promise(r=>setTimeout(r,4000));
  const c0=process.cpuUsage(); await new Promise(r=>setTimeout(r,10000)); const c=process.cpuUsage(c0);
  console.log("idle: 1000 modules x 100 subscribers: cpu %", ((c.user+c.system)/1e5).toFixed(2), "rss MB", (process.memoryUsage().rss/1e6).toFixed(0));
  ac.abort(); await Promise.all(done); await hub.close();
}
process.exit(0);
