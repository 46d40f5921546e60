//! A frame says back what was put in, and no changed bit goes unnoticed.

use proptest::prelude::*;

use super::super::compact::thinned;
use super::*;
use crate::record::{CHAIN_START, NewRecord, StreamAppend};

fn append(id: u8, streams: &[(&str, usize)]) -> Append {
    let part = |(name, records): &(&str, usize)| StreamAppend {
        stream: StreamName::new("run", "default", name).expect("valid"),
        expected: 0,
        records: (0..*records)
            .map(|n| NewRecord { kind: n as u16, version: 1, time_us: -5, body: vec![id; n * 7].into() })
            .collect(),
        wake: Wake::At(77),
        route: "deploy".into(),
        aliases: vec![[id; 16]],
    };
    Append { id: [id; 16], parts: streams.iter().map(part).collect() }
}

fn built() -> BuiltFrame {
    let mut builder = FrameBuilder::new(41, 0);
    builder.push(&append(1, &[("a", 2), ("b", 1)]), &[(0, CHAIN_START), (7, [9; 32])]);
    builder.push(&append(2, &[("c", 3)]), &[(0, CHAIN_START)]);
    builder.finish(99, 0, 3, 12)
}

#[test]
fn a_frame_says_back_what_was_put_in() {
    let frame = built();
    let header = check_frame(&frame.bytes, 99).expect("is whole");
    assert_eq!((header.epoch, header.number, header.first_sequence), (3, 12, 41));
    assert_eq!((header.record_count, header.frame_len()), (6, frame.bytes.len()));
    let appends = appends_of(&frame.bytes, &header).expect("is consistent");
    assert_eq!((header.next_sequence(&appends), frame.next_sequence, header.is_sparse()), (47, 47, false));
    assert_eq!(
        appends.iter().map(|a| (a.first_sequence, a.last_sequence)).collect::<Vec<_>>(),
        [(41, 43), (44, 46)]
    );
    let mut decoded = Vec::new();
    for part in appends.iter().flat_map(|append| &append.parts) {
        let place = part.offset as usize..(part.offset + part.len) as usize;
        let (head, records) = decode_part(&frame.bytes.slice(place)).expect("is whole");
        assert_eq!((&head.stream, head.wake, &*head.route), (&part.stream, Wake::At(77), "deploy"));
        decoded.extend(records);
    }
    assert_eq!(decoded, frame.records());
    assert_eq!(decoded[2].stream_sequence, 8);
}

#[test]
fn a_frame_that_is_thinned_keeps_the_places_of_what_stays() {
    let frame = built();
    let header = check_frame(&frame.bytes, 99).expect("is whole");
    let appends = appends_of(&frame.bytes, &header).expect("is consistent");
    let without = |going: &[&str]| {
        let stays = |part: &PartHead| !going.contains(&part.stream.id());
        thinned(&frame.bytes, &header, &appends, 7, stays)
    };
    let check = |going: &[&str], sequences: &[u64]| {
        let left = without(going).expect("something is left");
        let left_header = check_frame(&left, 7).expect("is whole, with its new salt");
        assert_eq!((left_header.number, left_header.epoch), (12, 3));
        assert_eq!(left_header.is_sparse(), !going.is_empty());
        let left_appends = appends_of(&left, &left_header).expect("is consistent");
        let mut records = Vec::new();
        for part in left_appends.iter().flat_map(|append| &append.parts) {
            let place = part.offset as usize..(part.offset + part.len) as usize;
            records.extend(decode_part(&left.slice(place)).expect("is whole").1);
        }
        let all = frame.records();
        assert!(records.iter().all(|record| all.contains(record)), "byte for byte what they were");
        assert_eq!(records.iter().map(|record| record.sequence).collect::<Vec<_>>(), sequences);
        assert!(check_frame(&left, 99).is_err(), "it is not taken for the old one");
    };
    check(&[], &[41, 42, 43, 44, 45, 46]);
    check(&["a"], &[43, 44, 45, 46]);
    check(&["b"], &[41, 42, 44, 45, 46]);
    check(&["c"], &[41, 42, 43]);
    check(&["a", "b"], &[44, 45, 46]);
    assert_eq!(without(&["a", "b", "c"]), None);
}

#[test]
fn the_size_of_an_append_is_what_it_takes_in_a_frame() {
    let append = append(1, &[("a", 5), ("b", 2)]);
    let mut builder = FrameBuilder::new(1, 0);
    builder.push(&append, &[(0, CHAIN_START), (0, CHAIN_START)]);
    assert_eq!(builder.buf.len(), FRAME_HEADER_BYTES + append.size_bytes());
}

#[test]
fn every_flipped_bit_of_a_frame_is_noticed() {
    let frame = built().bytes;
    for bit in 0..frame.len() * 8 {
        let mut bytes = frame.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(check_frame(&bytes, 99).is_err(), "bit {bit}");
    }
    assert!(check_frame(&frame, 98).is_err(), "a frame belongs to its segment");
}

#[test]
fn the_stream_of_a_flipped_body_is_named() {
    let frame = built();
    let part = &frame.appends[1].parts[0];
    let mut bytes = frame.bytes.to_vec();
    bytes[(part.offset + part.len - 1) as usize] ^= 1;
    assert_eq!(damaged_streams(&bytes), std::slice::from_ref(&part.stream));
}

#[test]
fn every_flipped_bit_of_a_part_is_noticed() {
    let frame = built();
    let part = &frame.appends[0].parts[0];
    let place = part.offset as usize..(part.offset + part.len) as usize;
    for bit in 0..place.len() * 8 {
        let mut bytes = frame.bytes[place.clone()].to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_part(&bytes.into()).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), fix in any::<bool>()) {
        if fix && bytes.len() > 48 {
            bytes[..4].copy_from_slice(&FRAME_MAGIC);
            bytes[44..48].copy_from_slice(&1u32.to_le_bytes());
        }
        if let Some(header) = FrameHeader::peek(&bytes) {
            let _ = appends_of(&bytes, &header);
        }
        let _ = check_frame(&bytes, 0);
        let _ = damaged_streams(&bytes);
        let _ = decode_part(&bytes.into());
    }
}
