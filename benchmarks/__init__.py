"""What Insitu costs, beside what the same work costs without it: `python -m benchmarks`.

rows.py         a figure, its reference and its target
lab.py          runs contenders in turns and takes medians
bytecode.py     compiles, as an installation does
program.py      reference programs in processes of their own
b01_…, b05_…    one benchmark each
references/     what runs in those processes
peers/          what runs in the environment of other servers; peer_servers.py starts them
callers.py      many callers at once, over grpc_wire.py or lane_wire.py
floors/         what the pieces cost, and which process computes how much: `python -m benchmarks.floors`
table.py        the table for people, `bench.json` for programs
"""
